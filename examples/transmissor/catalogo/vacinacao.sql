SELECT x.co_seq_fat_vacinacao_vacina AS co_vacina,
       z.co_seq_fat_cidadao_pec::text AS pessoa,
       n.nu_ano AS ano_nascimento,
       s.sg_sexo AS sexo,
       u.nu_cnes,
       i.nu_identificador AS imunobiologico,
       d.nu_identificador AS dose,
       x.co_dim_tempo_vacina_aplicada AS dia
  FROM tb_fat_vacinacao_vacina x
  JOIN tb_fat_vacinacao v ON v.co_seq_fat_vacinacao = x.co_fat_vacinacao
  JOIN tb_fat_cidadao_pec z ON z.co_seq_fat_cidadao_pec = v.co_fat_cidadao_pec
  LEFT JOIN tb_dim_tempo n ON n.co_seq_dim_tempo = z.co_dim_tempo_nascimento AND n.nu_ano < 3000
  LEFT JOIN tb_dim_sexo s ON s.co_seq_dim_sexo = z.co_dim_sexo
  LEFT JOIN tb_dim_unidade_saude u ON u.co_seq_dim_unidade_saude = x.co_dim_unidade_saude
  LEFT JOIN tb_dim_imunobiologico i ON i.co_seq_dim_imunobiologico = x.co_dim_imunobiologico
  LEFT JOIN tb_dim_dose_imunobiologico d ON d.co_seq_dim_dose_imunobiologico = x.co_dim_dose_imunobiologico
